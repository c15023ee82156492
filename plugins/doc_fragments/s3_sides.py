# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options O(source) and O(destination), written once. Use C(lifeboat.dr.s3_sides).

Where sides have more options than these, their documentation is built with the same text: see C(both_sides). How an S3
server is reached is the same for whatever has a bucket: see C(connection_options).
"""

from __future__ import annotations

import textwrap

_BUCKET = """
      bucket:
        description:
          - The name of the bucket. It must exist.
        type: str
        required: true
"""
_CONNECTION = """
      region:
        description:
          - The region of the bucket.
          - If not given, the region of O({within}.profile), of the environment, or V(us-east-1) where
            O({within}.endpoint_url) is given.
        type: str
      endpoint_url:
        description:
          - The address of an S3-compatible server, for instance V(https://s3.example.com:9000). Without it, Amazon S3.
        type: str
      access_key:
        description:
          - The access key. If not given, the credentials are found as the AWS command line finds them, for instance in
            the environment,
            in O({within}.profile) or from the instance.
          - Needs O({within}.secret_key).
        type: str
      secret_key:
        description:
          - The secret key that belongs to O({within}.access_key).
        type: str
      session_token:
        description:
          - The session token of temporary credentials.
        type: str
      profile:
        description:
          - A profile of the AWS configuration files of the user that the module runs as.
        type: str
      addressing_style:
        description:
          - Whether the bucket's name is in the path or in the host name of requests.
          - With V(auto), in the path where O({within}.endpoint_url) is given, otherwise in the host name.
        type: str
        choices: [auto, path, virtual]
        default: auto
      validate_certs:
        description:
          - Whether the certificate of the server is checked. Set this to V(false) only in a test.
        type: bool
        default: true
      ca_bundle:
        description:
          - A file on the host with the certificates (PEM) of the authorities to trust. Without it, those that botocore
            trusts.
        type: path
      connect_timeout:
        description:
          - How long to wait for a connection, and for the server to take the next piece of data, in seconds.
        type: float
        default: 10
      read_timeout:
        description:
          - How long to wait for the next piece of an answer, in seconds.
        type: float
        default: 60
      request_time_limit:
        description:
          - How long one request may take with all its repetitions, in seconds. For an upload this is the time of one
            part.
        type: float
        default: 600
      retries:
        description:
          - How often a request is made again after a fault that may pass, with waits of 0.5 to 20 seconds that grow
            between.
        type: int
        default: 7
"""


def connection_options(within: str) -> str:
    """How an S3 server is reached, as YAML: suboptions of the option ``within``, with six spaces before each name."""
    return _CONNECTION.format(within=within).strip("\n")


def _side_options(side: str, more: str = "") -> str:
    """The suboptions of one side, as YAML. ``more`` are further ones, with the same six spaces before each name."""
    return "\n".join(["    suboptions:", _BUCKET.strip("\n"), connection_options(side), more.strip("\n")]).rstrip("\n")


def both_sides(more: str = "", more_of_destination: str = "") -> str:
    """The documentation of both sides, as YAML. ``more`` are further suboptions, with six spaces before each name."""
    return f"""
options:
  source:
    description:
      - The bucket that is replicated from.
    type: dict
    required: true
{_side_options("source", more)}
  destination:
    description:
      - The bucket that is replicated to. It may be on another server, with other credentials.
    type: dict
    required: true
{_side_options("destination", more + more_of_destination)}
requirements:
  - Python library C(boto3) on the host where the module runs.
"""


def one_side(side: str, description: str) -> str:
    """The documentation of a module that has one side only, as YAML."""
    return f"""
options:
  {side}:
    description:
      - {description}
    type: dict
    required: true
{_side_options(side)}
requirements:
  - Python library C(boto3) on the host where the module runs.
"""


def _nested(side: str) -> str:
    """The suboptions of one side, as they stand within another option."""
    return textwrap.indent(_side_options(f"buckets.{side}"), "    ")


class ModuleDocFragment:
    """What antsibull-docs and ansible-doc merge into the modules that name it."""

    DOCUMENTATION: str = both_sides()

    SOURCE: str = one_side("source", "The bucket that the application writes to, and that is replicated from.")

    DESTINATION: str = one_side("destination", "The bucket that is replicated to.")

    BUCKETS: str = f"""
options:
  buckets:
    description:
      - Where the two buckets of an inventory (M(lifeboat.dr.s3_inventory)) are, for the profiles V(quick) and V(full).
        The manifest has
        their names and no credentials. They have to be the buckets that the inventory was made of.
    type: dict
    suboptions:
      source:
        description:
          - The bucket that is replicated.
          - Left out when it is gone, the destination alone is held against the inventory. The proof says that the
            source was not asked.
            V(full) then holds the content of the sample against the MD5 that the ETag was recorded as, where it is one.
        type: dict
{_nested("source")}
      destination:
        description: The bucket that it is replicated to.
        type: dict
        required: true
{_nested("destination")}
      grace:
        description: How old an object of the source has to be before it is an error that the destination does not have
          it.
        type: str
        default: 15m
      sample:
        description: How many objects O(profile=full) reads on both sides, byte for byte.
        type: int
        default: 100
      sample_seed:
        description: Decides which objects are in the sample, and which one damaged views are made of. If not given, the
          date.
        type: str
      parallel:
        description: How many parts of the keys to list at a time, and how many objects to read.
        type: int
        default: 32
"""

    BUCKET: str = f"""
options:
  bucket:
    description: The bucket, and how it is reached.
    type: dict
    required: true
{_side_options("bucket")}
requirements:
  - Python library C(boto3) on the host where the module runs.
"""
