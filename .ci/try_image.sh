# Runs an image as compose.yaml does, until it says that it is well, and stops it: sh .ci/try_image.sh ENGINE IMAGE
set -eu
engine=$1 image=$2
key=$($engine run --rm --read-only "$image" generate-key)
id=$($engine run --detach --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
  --env ENCRYPTION_KEYS="$key" --env SLACK_SIGNING_SECRET=none --env SLACK_BOT_TOKEN=xoxb-none \
  --env XERO_CLIENT_ID=none --env XERO_CLIENT_SECRET=none "$image")
trap '$engine rm --force "$id" > /dev/null' EXIT
# Docker runs the image's own check as often as it says; Podman leaves that to systemd, so we run it.
well() {
  case $engine in
    *podman*) $engine healthcheck run "$id" ;;
    *) test "$($engine inspect --format '{{.State.Health.Status}}' "$id")" = healthy ;;
  esac
}
tries=0
until well > /dev/null 2>&1; do
  tries=$((tries + 1))
  if [ $tries -gt 60 ]; then $engine logs "$id"; exit 1; fi
  sleep 1
done
test "$($engine exec "$id" id -u)" = 10001
uncompiled='import os, sys, bot.commands
specs = [getattr(module, "__spec__", None) for module in list(sys.modules.values())]
print(*[s.name for s in specs if s and s.cached and not os.path.exists(s.cached)])'
test -z "$($engine exec "$id" python -c "$uncompiled")" || { echo "each start compiles modules"; exit 1; }
$engine stop --time 10 "$id" > /dev/null
test "$($engine inspect --format '{{.State.ExitCode}}' "$id")" = 0
echo "== it serves, and stops when told"
