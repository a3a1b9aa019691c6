//! Listeners, TLS, limits and the one request pipeline.
