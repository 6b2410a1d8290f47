"""Find duplicate and near-duplicate articles, keep the best version of each and say why."""
