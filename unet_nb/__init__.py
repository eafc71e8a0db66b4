"""Segment images with few labels: U-Net and UNet++ on MindSpore, from notebook to ONNX."""
import os
from importlib.metadata import version

__version__ = version("unet_nb")

# All are read by MindSpore when it starts, so they are set here, before any room imports it.
# On processors with AVX-512, MindSpore 2.10's oneDNN takes a reference kernel for plain-layout convolutions; with AVX2 it
# takes the fast GEMM kernel (here 0.3 s instead of 10 s a training step). A value set by the user wins.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
# While a graph runs, MindSpore 2.10 lets the Python thread wait in a busy loop, which takes a core from the kernels (on two
# cores: half of the processor time of a training step). Run by the Python thread itself, the graph gives the same numbers.
os.environ.setdefault("MS_DEV_HOST_BLOCKING_RUN", "1")
# Without it, compiling a graph inside a notebook kernel prints harmless "[ERROR] GetRealPath" lines.
os.environ.setdefault("GLOG_v", "4")
