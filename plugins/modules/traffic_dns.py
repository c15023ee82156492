#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_dns
short_description: Move a DNS record to another region, and read it back from resolvers
version_added: 1.0.0
description:
  - Changes a record by a dynamic update (RFC 2136). Its old values are a prerequisite of the update, so the server
    compares and sets in one transaction, and a change that comes late cannot overwrite a newer one.
  - Waits until every resolver of O(resolvers) gives the new values, and fails with the ones that do not.
  - With check mode, it asks the server and the resolvers, and compares the TTL with O(wait); the preflight of a
    failover does so.
requirements:
  - Python library C(dnspython).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
attributes:
  check_mode:
    support: full
    details:
      - Whether the server would allow the update is not known before it is sent.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  server:
    description: The IP address of the zone's primary server, with its port if that is not 53, such as
      V(192.0.2.53:5353).
    type: str
    required: true
  zone:
    description: The zone, such as V(example.org).
    type: str
    required: true
  record:
    description: The name in the zone, such as V(www), or V(@) for the zone itself.
    type: str
    required: true
  type:
    description: The type of the record.
    type: str
    choices: [A, AAAA, CNAME]
    default: A
  value:
    description: What it shall be, all addresses of the region that takes over.
    type: list
    elements: str
    required: true
  expect:
    description: What it is now, all addresses of the region that is left. A record that is neither this nor O(value)
      is left alone. An empty list expects that the record is not there.
    type: list
    elements: str
    required: true
  ttl:
    description: Its new TTL in seconds.
    type: int
    default: 60
  key_name:
    description: The name of the TSIG key that signs the update.
    type: str
  key_algorithm:
    description: The algorithm of the key.
    type: str
    choices: [hmac-sha256, hmac-sha384, hmac-sha512]
    default: hmac-sha256
  key_secret:
    description: Its secret in base64. O(key_secret_file) is the better choice, as it leaves the secret on the host.
    type: str
  key_secret_file:
    description: A file with nothing but the secret in base64.
    type: path
  resolvers:
    description: The IP addresses of resolvers, or of secondary servers of the zone, that have to give the new values.
      Name some that your users use.
    type: list
    elements: str
    default: []
  wait:
    description: How long the resolvers may take. At least the old TTL, or nothing is changed.
    type: str
    default: 3m
  timeout:
    description: How long one question may take.
    type: str
    default: 5s
seealso:
  - module: lifeboat.dr.traffic_haproxy
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Lead the users to the other region
  lifeboat.dr.traffic_dns:
    server: 192.0.2.53
    zone: example.org
    record: www
    expect: [198.51.100.10]
    value: [203.0.113.10]
    key_name: failover
    key_secret_file: /etc/lifeboat/dns.key
    resolvers: [9.9.9.9, 1.1.1.1, 8.8.8.8]
"""

RETURN = r"""
record:
  description: The whole name and the type.
  type: str
  returned: success
before:
  description: The C(values) and the C(ttl) that the server had.
  type: dict
  returned: success
after:
  description: The same afterwards.
  type: dict
  returned: success
resolvers:
  description: For each resolver C(resolver), C(values), C(ttl), C(error), and whether it C(agrees). In check mode, with
    the old values.
  type: list
  elements: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._traffic_dns import ARGUMENT_SPEC, RULES, work


def main() -> None:
    """Move a record."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True, **RULES), work)


if __name__ == "__main__":
    main()
