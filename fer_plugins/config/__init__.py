"""The configuration of a run: its keys, the plug-ins that it names, and how layers of it become one."""

from fer_plugins.config.keys import COMPONENT_LISTS as COMPONENT_LISTS
from fer_plugins.config.keys import COMPONENT_SECTIONS as COMPONENT_SECTIONS
from fer_plugins.config.keys import Key as Key
from fer_plugins.config.keys import defaults as defaults
from fer_plugins.config.keys import schema as schema
from fer_plugins.config.keys import section_keys as section_keys
from fer_plugins.config.keys import section_meanings as section_meanings
from fer_plugins.config.layers import MANDATORY as MANDATORY
from fer_plugins.config.layers import Config as Config
from fer_plugins.config.layers import Layer as Layer
from fer_plugins.config.layers import Resolved as Resolved
from fer_plugins.config.layers import check as check
from fer_plugins.config.layers import dump as dump
from fer_plugins.config.layers import merge as merge
from fer_plugins.config.layers import parse_value as parse_value
from fer_plugins.config.layers import read_file as read_file
from fer_plugins.config.layers import resolve as resolve
