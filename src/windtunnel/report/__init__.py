"""The dashboards of Grafana as one page that needs no Grafana: from the same JSON, with Prometheus' data.

`build` collects and writes, `server` serves it live. Import them where they are used: matplotlib takes its time.
"""
