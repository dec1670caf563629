// Placed by the page; see the module of the same name.
