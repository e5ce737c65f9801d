"""That the networks cannot deadlock, checked whenever a mesh is elaborated."""
