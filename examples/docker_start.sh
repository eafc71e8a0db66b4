#!/bin/bash
# Start a container on a machine with eight Ascend cards: data and models of the machine under their own paths.
#   bash examples/docker_start.sh IMAGE DATA_DIR MODEL_DIR [COMMAND ...]
# UNTESTED: nobody here has an Ascend card. The image is that of Dockerfile.ascend.
set -e
if [ $# -lt 3 ]; then
  echo "usage: bash docker_start.sh IMAGE DATA_DIR MODEL_DIR [COMMAND ...]" >&2
  exit 2
fi
image=$1 data=$(realpath "$2") model=$(realpath "$3")
shift 3
for folder in "$data" "$model"; do
  [ -d "$folder" ] || { echo "docker_start.sh: $folder is no folder" >&2; exit 1; }
done
cards=()
for n in 0 1 2 3 4 5 6 7; do
  cards+=(--device="/dev/davinci$n")
done
exec ${DOCKER:-docker} run -it --rm --ipc=host --entrypoint /bin/bash "${cards[@]}" \
  --device=/dev/davinci_manager --device=/dev/devmm_svm --device=/dev/hisi_hdc \
  -v /usr/local/Ascend/driver:/usr/local/Ascend/driver:ro \
  -v /usr/local/Ascend/add-ons:/usr/local/Ascend/add-ons:ro \
  -v /var/log/npu:/var/log/npu \
  -v "$data:$data" -v "$model:$model" -w "$model" "$image" "$@"
