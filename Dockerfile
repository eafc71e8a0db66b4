# unet_nb on the processor. Results go to the folder that is mounted at /work.
#   docker build -t unet_nb .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" unet_nb run train -f demo
FROM python:3.11-slim

# OpenMP for MindSpore; OpenGL and GLib for OpenCV.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

COPY . /src
RUN pip install --no-cache-dir '/src[train]' && rm -rf /src

# Jupyter's kernels and MindSpore's caches need a home that any user may write to.
ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["unet_nb"]
CMD ["--help"]
