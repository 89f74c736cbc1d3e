"""The configuration of a run: its keys, the plug-ins that it names, and how layers of it become one."""

from fer_plugins.config.keys import COMPONENT_LISTS as COMPONENT_LISTS
from fer_plugins.config.keys import COMPONENT_SECTIONS as COMPONENT_SECTIONS
from fer_plugins.config.keys import MANDATORY as MANDATORY
from fer_plugins.config.keys import Key as Key
from fer_plugins.config.keys import core_keys as core_keys
from fer_plugins.config.keys import defaults as defaults
from fer_plugins.config.keys import schema as schema
from fer_plugins.config.keys import section_keys as section_keys
from fer_plugins.config.keys import section_meanings as section_meanings
from fer_plugins.config.layers import Layer as Layer
from fer_plugins.config.layers import merge as merge
from fer_plugins.config.origin import COMMAND_LINE as COMMAND_LINE
from fer_plugins.config.origin import Origin as Origin
from fer_plugins.config.overlay import copy_plain as copy_plain
from fer_plugins.config.overlay import lay_over as lay_over
from fer_plugins.config.overlay import leaves as leaves
from fer_plugins.config.overlay import put as put
from fer_plugins.config.resolve import DEMO_DATA as DEMO_DATA
from fer_plugins.config.resolve import DEMO_EPOCHS as DEMO_EPOCHS
from fer_plugins.config.resolve import Resolved as Resolved
from fer_plugins.config.resolve import resolve as resolve
from fer_plugins.config.saved import dump as dump
from fer_plugins.config.saved import parse_value as parse_value
from fer_plugins.config.saved import read_config as read_config
from fer_plugins.config.saved import read_file as read_file
from fer_plugins.config.schema import RunConfig as RunConfig
