#!/bin/bash
# yum is not called here
set -e
export MY_SETTING="a=b; yum"
PYTHONPATH="$PYTHONPATH:/tmp/more" python3 --version
if command -v yum >/dev/null; then sudo yum install -y jq; else sudo apt-get install -y jq; fi
cat > /tmp/made <<EOF
yum install x
export AIRFLOW_HOME=/x
EOF
echo "$MY_SETTING"
