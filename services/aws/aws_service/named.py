"""The two identities that every environment has: its execution role, in a session as MWAA's, and an administrator."""

from moto.core.models import DEFAULT_ACCOUNT_ID

ROLE = "execution-role"
# The session under which MWAA's components use an execution role.
SESSION = "AmazonMWAA-airflow"
ROLE_ARN = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/{ROLE}"
SESSION_ARN = f"arn:aws:sts::{DEFAULT_ACCOUNT_ID}:assumed-role/{ROLE}/{SESSION}"
ROLE_KEY_ID = "airflow"

ADMINISTRATOR = "administrator"
ADMINISTRATOR_ARN = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:user/{ADMINISTRATOR}"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
