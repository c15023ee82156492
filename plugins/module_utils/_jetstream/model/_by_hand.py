# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""The commands that restore a backup with stock tools alone: they stand in each manifest, so nobody needs this
collection to restore.
"""

from __future__ import annotations

import json
import shlex
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._consumers import rebuilt

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.dr.plugins.module_utils._backup._manifest import Artifact
    from ansible_collections.lifeboat.dr.plugins.module_utils._crypto import Cipher
    from ansible_collections.lifeboat.dr.plugins.module_utils._jetstream.model._content import JetStreamContent


def commands(
    artifacts: t.Sequence[Artifact], opened: t.Callable[[Artifact], str], cipher: Cipher, content: JetStreamContent
) -> tuple[str, ...]:
    """One command a line, to be run in the backup's folder, in this order; ``nats`` has to know the server (``nats
    context``).

    ``opened`` gives the command that opens a file; what is encrypted is opened into the folder ``opened`` beside it.
    """
    lines: list[str] = []
    for stream in content.streams:
        folder = stream.folder
        if cipher.engine != "none":
            folder = f"opened/{stream.folder.rpartition('/')[2]}"
            lines.append(f"mkdir -p -m 700 {shlex.quote(folder)}")
            for artifact in artifacts:
                if artifact.name.startswith(f"{stream.folder}/"):
                    file = artifact.name.rpartition("/")[2][: -len(cipher.suffix)]
                    lines.append(f"{opened(artifact)} > {shlex.quote(f'{folder}/{file}')}")
        lines.append(f"nats stream restore {shlex.quote(folder)}")
        retention = str(stream.config.get("retention", "limits"))
        for consumer in stream.consumers:
            if consumer.durable and consumer.archived is False:
                body = json.dumps({"stream_name": stream.name, "config": rebuilt(consumer, retention)})
                subject = f"$JS.API.CONSUMER.DURABLE.CREATE.{stream.name}.{consumer.name}"
                lines.append(
                    f"nats request {shlex.quote(subject)} {shlex.quote(body)}  # a consumer that the archive lacks"
                )
    return tuple(lines)
