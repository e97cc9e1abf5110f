# Runs a command of the build with the CA bundle that came in as the build secret `ca-bundle`, when it holds anything.
# A network whose proxy inspects TLS needs that for every download.
if [ -s /run/secrets/ca-bundle ]; then
    export SSL_CERT_FILE=/run/secrets/ca-bundle PIP_CERT=/run/secrets/ca-bundle
fi
exec "$@"
