"""Static sites: a release is the folder `releases/TAG`; what serves is a link that is switched to its content."""
