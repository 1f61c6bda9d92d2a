#!/bin/bash
#
#%stage: block
#%provides: storage
#
