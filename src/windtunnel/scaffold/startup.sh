#!/bin/bash
# Runs in each container before Airflow. What it exports, Airflow and the tasks see.
export EXAMPLE_ROWS=10
