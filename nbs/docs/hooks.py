"""What mkdocs.yml asks to be called while the site is built; see nbs/92_docs.ipynb."""
from unet_nb.docs import on_config, on_files, on_page_markdown
