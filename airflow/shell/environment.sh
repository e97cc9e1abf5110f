# Read by shells that are opened in a running container: gives them what the component was started with.
if [ -z "${WINDTUNNEL_BOOTED:-}" ] && [ -r /tmp/windtunnel-environment ]; then . /tmp/windtunnel-environment; fi
