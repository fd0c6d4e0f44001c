"""The documentation site: Sphinx builds it from the pages that pages.py lays out. `make docs`."""

project = "wsline"
author = copyright = "the wsline authors"

extensions = ["myst_parser", "sphinx_copybutton"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = "wsline"
html_static_path: list[str] = []
html_show_sphinx = False
copybutton_prompt_text = "$ "
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#5753c6", "color-brand-content": "#5753c6"},
    "dark_css_variables": {"color-brand-primary": "#9a97f5", "color-brand-content": "#9a97f5"},
}
