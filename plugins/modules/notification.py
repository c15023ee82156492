#!/usr/bin/python
# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: notification
short_description: Notify people and services of how a run came out
version_added: 1.0.0
description:
  - Sends to webhooks, to services that take what Slack takes, by e-mail, to a dead man's switch in the way of
    healthchecks, and through the library Apprise to more than a hundred services.
  - It knows what it has said before. A component that failed and is good again is a recovery. One that is overdue is
    said once and then once a day; one that failed is said each time.
  - All channels are sent to at the same time, each within its O(notifications[].timeout). One that does not take it
    is a warning and never a failure, unless O(required).
  - Secrets stay in files on the host (O(notifications[].url_file), O(notifications[].token_file),
    O(notifications[].smtp_password_file)), and no message, warning or result holds one.
requirements:
  - Python library C(apprise) (for channels of the type V(apprise) alone).
extends_documentation_fragment:
  - lifeboat.dr.attributes
  - lifeboat.dr.attributes.actiongroup
attributes:
  check_mode:
    support: full
    details:
      - It says who would be notified of what.
  diff_mode:
    support: N/A
    details:
      - A notification has no state to compare.
  idempotent:
    support: none
    details:
      - Each run may send again. It always returns C(changed=false), since nothing of the host is changed.
options:
  notifications:
    description: The channels. A plan has them as C(notifications).
    type: list
    elements: dict
    required: true
    suboptions:
      type:
        description:
          - The kind of channel.
          - V(webhook) posts a JSON document, and V(slack) text as Slack, Mattermost and Rocket.Chat take it.
          - V(healthchecks) is a dead man's switch, which raises the alarm when it hears of no success in time. It is
            told of the begin, the success and the failure of one job.
          - V(apprise) takes the URLs that the library Apprise knows.
        type: str
        required: true
        choices: [webhook, slack, email, healthchecks, apprise]
      name:
        description: What the channel is called in messages. Its O(notifications[].type) if not given.
        type: str
      events:
        description:
          - What it is sent. V(failure), V(recovery) and V(overdue) if not given.
          - V(healthchecks) has no choice.
        type: list
        elements: str
        choices: [failure, recovery, overdue, success]
      jobs:
        description: The jobs that it is sent. All if not given, and for V(healthchecks) V(backup) alone.
        type: list
        elements: str
        choices: [backup, rehearsal, prune, status, failover]
      url:
        description:
          - Where it is sent. Who knows it can write to the channel, so O(notifications[].url_file) is better.
          - Mutually exclusive with O(notifications[].url_file).
        type: str
      url_file:
        description: A file on the host that holds the URL. For V(apprise) it may have several, one on each line.
        type: path
      token_file:
        description: A file on the host with a token that a webhook wants, sent as C(Authorization Bearer).
        type: path
      ca_file:
        description: A file on the host with the certificates that are trusted, where a service has one of your own.
        type: path
      to:
        description: The addresses that a mail goes to.
        type: list
        elements: str
      sender:
        description: The address that a mail is from. C(lifeboat@) and the host's name if not given.
        type: str
      smtp_host:
        description: The server that takes mail.
        type: str
        default: localhost
      smtp_port:
        description: Its port. 587, 465 or 25 after O(notifications[].smtp_security) if not given.
        type: int
      smtp_security:
        description: How the connection is encrypted. Without, no password is sent.
        type: str
        choices: [starttls, tls, none]
        default: starttls
      smtp_user:
        description: The user to sign in as, with O(notifications[].smtp_password_file).
        type: str
      smtp_password_file:
        description: A file on the host that holds the password.
        type: path
      timeout:
        description: How long the channel may take, from V(1s) to V(120s).
        type: str
        default: 10s
      log_lines:
        description: How many of the last lines of O(log_file) are sent with a failure.
        type: int
        default: 30
  app:
    description: The application.
    type: str
    required: true
  job:
    description: What came out.
    type: str
    required: true
    choices: [backup, rehearsal, prune, status, failover]
  event:
    description:
      - With V(outcomes), O(components) say what happened.
      - V(start) tells a dead man's switch that the job begins.
      - V(test) sends a test to every channel, whatever its events and jobs.
    type: str
    choices: [outcomes, start, test]
    default: outcomes
  components:
    description: How each component came out.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The component.
        type: str
        required: true
      state:
        description: How it is.
        type: str
        required: true
        choices: [good, failed, overdue]
      reason:
        description: What is wrong. It must hold no secret.
        type: str
        default: ""
  labels:
    description: What else the application is known by, such as its team. Sent along.
    type: dict
  log_file:
    description: The log of the run, on the host. Its end is sent with a failure.
    type: path
  host:
    description: The host's name in messages. Its own if not given.
    type: str
  state_dir:
    description:
      - Where it is remembered what was said.
      - C(/var/lib/lifeboat) for root, C(~/.local/state/lifeboat) otherwise, if not given.
    type: path
  required:
    description: Fail where a channel does not take it.
    type: bool
    default: false
seealso:
  - module: lifeboat.dr.component_backup
author:
  - The lifeboat.dr authors (@lifeboat-dr)
"""

EXAMPLES = r"""
- name: Notify of a backup that failed
  lifeboat.dr.notification:
    notifications:
      - type: slack
        url_file: /etc/lifeboat/slack.url
      - type: email
        to: [oncall@example.org]
        sender: backup@example.org
        smtp_host: mail.example.org
    app: shop
    job: backup
    components:
      - name: codex
        state: failed
        reason: The server cannot be reached.

- name: Try every channel
  lifeboat.dr.notification:
    notifications: "{{ lifeboat_plan.notifications }}"
    app: "{{ lifeboat_plan.app }}"
    job: backup
    event: test
    required: true
"""

RETURN = r"""
events:
  description: What the outcomes amount to, such as V(failure) and V(recovery).
  type: list
  elements: str
  returned: success or failure
deliveries:
  description: Each channel that wanted an event.
  type: list
  elements: dict
  returned: success or failure
  contains:
    channel:
      description: Its name.
      type: str
    type:
      description: Its type.
      type: str
    event:
      description: The event.
      type: str
    sent:
      description: Whether it took it.
      type: bool
    why:
      description: Why not.
      type: str
    seconds:
      description: How long it took.
      type: float
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.lifeboat.dr.plugins.module_utils._core._module import run
from ansible_collections.lifeboat.dr.plugins.module_utils._work._notification import ARGUMENT_SPEC, work


def main() -> None:
    """Notify."""
    run(AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True), work)


if __name__ == "__main__":
    main()
