"""The boot file train.py of ModelArts: `python train.py --config_path=unet_medical_config.yaml --data_path=… `."""

from boot import main

if __name__ == "__main__":
    main("train")
