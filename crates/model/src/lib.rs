//! Operation types generated from AWS's public service models.
