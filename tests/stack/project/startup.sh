#!/bin/sh
echo "starting $MWAA_AIRFLOW_COMPONENT"
export SELFTEST_FROM_STARTUP="it's here"
export AIRFLOW_HOME=/elsewhere
sudo -n true && export SELFTEST_SUDO=yes
