# Runs an image as compose.yaml does, until it says that it is well, and stops it: sh .ci/try_image.sh ENGINE IMAGE
set -eu
engine=$1 image=$2
key=$($engine run --rm --read-only "$image" generate-key)
id=$($engine run --detach --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
  --env ENCRYPTION_KEYS="$key" --env SLACK_SIGNING_SECRET=none --env SLACK_BOT_TOKEN=xoxb-none \
  --env XERO_CLIENT_ID=none --env XERO_CLIENT_SECRET=none "$image")
trap '$engine rm --force "$id" > /dev/null' EXIT
check=$($engine inspect --format '{{json .Config.Healthcheck.Test}}' "$image")
case $check in *'/readyz'*) ;; *) echo "the image has no health check"; exit 1 ;; esac
tries=0
until $engine exec "$id" python -c 'import urllib.request as r; r.urlopen("http://127.0.0.1:8000/readyz")' 2> /dev/null; do
  tries=$((tries + 1))
  if [ $tries -gt 60 ]; then $engine logs "$id"; exit 1; fi
  sleep 1
done
test "$($engine exec "$id" id -u)" = 10001
$engine stop --time 10 "$id" > /dev/null
test "$($engine inspect --format '{{.State.ExitCode}}' "$id")" = 0
echo "== it serves, and stops when told"
