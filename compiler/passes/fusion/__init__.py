"""How ``fuse`` decides which nodes become one kernel (``group``, ``grouping``) and builds its region
(``outline``)."""
