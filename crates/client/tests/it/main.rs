//! The client against servers in this process. Every signature that reaches them is verified there.

mod callback;
mod examples;
mod grants;
mod mock;
mod payments;
mod provider;
mod sessions;
mod transport;
mod wallet_addresses;

/// Everything that a server program calls in its handlers has to be `Send`, or it could not be called there.
#[test]
fn futures_can_move_between_threads() {
    fn is_send<T: Send>(_: fn(&'static bursar_client::AuthenticatedClient) -> T) {}
    is_send(|client| client.wallet_address("a").get());
    is_send(|client| client.grants().request("a", bursar_client::GrantRequest::new()));
    fn pending<T: Send>(_: fn(&'static mut bursar_client::PendingGrant) -> T) {}
    pending(|grant| grant.finish("a"));
    pending(|grant| grant.poll(bursar_client::Duration::ZERO));
    fn session<T: Send>(_: fn(&'static bursar_client::Session) -> T) {}
    session(|session| session.rotate());
    fn pages<T: Send>(_: fn(&'static mut bursar_client::Pages<'static, bursar_client::types::OutgoingPayment>) -> T) {}
    pages(|pages| pages.next());
    fn listener<T: Send>(_: fn(&'static bursar_client::CallbackListener) -> T) {}
    listener(|listener| listener.wait(bursar_client::Duration::ZERO));
}
