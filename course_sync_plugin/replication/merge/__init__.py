"""The merge of three states: the last common one, ours, and theirs. Pure: no Django, no I/O."""
