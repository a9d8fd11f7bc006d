//! The kind `http` against real servers: hostile ones, TLS ones, and nginx.

#[cfg(test)]
mod conditions;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod nginx;
#[cfg(test)]
mod own_faults;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod redirects;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
