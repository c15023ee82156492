#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: application_check
short_description: Ask an application whether it works
version_added: 1.0.0
description:
  - Asks an application by HTTP, and by commands, and compares the answers with what they must be. It fails where one of
    them is wrong, and says what was expected and what came.
  - A page that says 200 and shows an error is red. So each check of a page has to say what only a working application
    answers. An answer of GraphQL that lists C(errors) is red, too.
  - Redirects are not followed and no proxy is used, so that a rehearsal does not end up asking production.
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
attributes:
  check_mode:
    support: partial
    details:
      - Only the options are checked, as the application may not run yet.
  diff_mode:
    support: N/A
    details:
      - This module does not modify state.
  idempotent:
    support: full
    details:
      - As idempotent as the commands that it is given.
options:
  checks:
    description: The questions. Each has an O(checks[].url) or a O(checks[].command).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What a report calls it. Word it as a statement.
        type: str
      url:
        description: What to ask by HTTP, such as V(http://127.0.0.1:8080/health).
        type: str
      command:
        description: A program and its arguments. No shell takes part.
        type: list
        elements: str
      method:
        description: V(GET) if not given, and V(POST) with O(checks[].body).
        type: str
      headers:
        description: Headers of the request.
        type: dict
      body:
        description: What is sent. A dictionary or a list is sent as JSON.
        type: raw
      status:
        description: The status that is right. V(200) if not given.
        type: int
      ca_cert:
        description: The certificates to trust, as a file. Those of the system if not given.
        type: path
      validate_certs:
        description: Whether the certificate has to be right. V(true) if not given.
        type: bool
      exit_status:
        description: The exit status of O(checks[].command) that is right. V(0) if not given.
        type: int
      contains:
        description: A text that is in the answer, or in the output of the command.
        type: str
      matches:
        description: A regular expression of Python that is found in it.
        type: str
      lacks:
        description: A text that is not in it.
        type: str
      json_path:
        description: Where in the JSON a value is, such as V(status), V(data.orders[0].id), V(["a name"].x) or
          V(orders.length(\)).
        type: str
      operator:
        description: How to compare it. V(==) if not given.
        type: str
        choices: ["==", "!=", ">", ">=", "<", "<="]
      value:
        description: What to compare it with. Numbers are compared as numbers, all else as text.
        type: raw
      timeout:
        description: How long the whole answer may take.
        type: str
        default: 10s
  wait:
    description:
      - How long to go on asking those that are not right yet, for an application that is starting.
      - The others are asked once more when all are, so that all are right at the end.
    type: str
    default: 0s
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Ask the application that was started on what was restored
  lifeboat.dr.application_check:
    checks:
      - {name: the portal shows products, url: "http://127.0.0.1:8080/", contains: Add to cart}
      - {name: the API is well, url: "http://127.0.0.1:8080/health", json_path: status, value: ok}
      - name: the graph knows orders
        url: http://127.0.0.1:8080/graphql
        body: {query: "{ orders { id } }"}
        json_path: data.orders.length()
        operator: ">="
        value: 1
      - {name: the worker finds its queue, command: [/opt/shop/bin/worker, --self-test], contains: ready}
    wait: 60s
"""

RETURN = r"""
checks:
  description: Each check with its C(name), its C(status) (V(passed), V(failed), or V(error) where there was no answer),
    what was C(expected) and C(observed), and its C(seconds).
  type: list
  elements: dict
  returned: always, once the options are right
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._application_check import ARGUMENT_SPEC, work


def main() -> None:
    """Ask, and compare."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
