# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sphinx: the site of the documentation, made by ``make docs`` from a copy of the Markdown pages."""

import pathlib
import re

_GALAXY = pathlib.Path(__file__).with_name("galaxy.yml").read_text(encoding="utf-8")

project = "lifeboat.dr"
project_copyright = "2026, The lifeboat.dr authors"
version = release = re.findall(r"^version: (\S+)$", _GALAXY, re.MULTILINE)[0]

extensions = ["myst_parser", "sphinx_antsibull_ext"]
root_doc = "index"
exclude_patterns = ["html"]

html_theme = "furo"
html_title = f"lifeboat.dr {version}"
html_theme_options = {"source_repository": "https://github.com/lifeboat-dr/lifeboat.dr/", "source_branch": "main"}
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
pygments_style = "default"

myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]
# The labels of Ansible's own pages, to which module pages refer, are elsewhere.
suppress_warnings = ["ref.ref"]
