//! Every method of AMQP 0-9-1 with every set of permissions: a method without a row here fails.

use metadata::Access;
use testkit::{Layout, Transcript, run};
use wire_amqp091::method::{
    Method, access, basic, channel, confirm, connection, exchange, queue, tx,
};

/// What a method asks for.
enum Row {
    /// Nobody's permission: it concerns what the client has already, or nothing that has a name.
    Nothing,
    /// The same, tried.
    Free { send: &'static str, answer: &'static str },
    /// These, in this order.
    Needs {
        send: &'static str,
        method: &'static str,
        answer: &'static str,
        needs: &'static [(Access, &'static str)],
    },
}

const fn needs(
    send: &'static str,
    method: &'static str,
    answer: &'static str,
    needs: &'static [(Access, &'static str)],
) -> Row {
    Row::Needs { send, method, answer, needs }
}

const fn free(send: &'static str, answer: &'static str) -> Row {
    Row::Free { send, answer }
}

const ROWS: &[(u32, Row)] = &[
    (connection::Start::ID, Row::Nothing),
    (connection::StartOk::ID, Row::Nothing),
    (connection::Secure::ID, Row::Nothing),
    (connection::SecureOk::ID, Row::Nothing),
    (connection::Tune::ID, Row::Nothing),
    (connection::TuneOk::ID, Row::Nothing),
    // A virtual host is entered by those who have permissions in it, whichever they are.
    (connection::Open::ID, Row::Nothing),
    (connection::OpenOk::ID, Row::Nothing),
    (connection::Close::ID, Row::Nothing),
    (connection::CloseOk::ID, Row::Nothing),
    (connection::Blocked::ID, Row::Nothing),
    (connection::Unblocked::ID, Row::Nothing),
    (connection::UpdateSecret::ID, Row::Nothing),
    (connection::UpdateSecretOk::ID, Row::Nothing),
    (channel::Open::ID, Row::Nothing),
    (channel::OpenOk::ID, Row::Nothing),
    (channel::Flow::ID, free("channel.flow active", "channel.flow-ok")),
    (channel::FlowOk::ID, Row::Nothing),
    (channel::Close::ID, Row::Nothing),
    (channel::CloseOk::ID, Row::Nothing),
    (access::Request::ID, Row::Nothing),
    (access::RequestOk::ID, Row::Nothing),
    (
        exchange::Declare::ID,
        needs(
            "exchange.declare exchange=n type=direct",
            "exchange.declare",
            "exchange.declare-ok",
            &[(Access::Configure, "exchange 'n'")],
        ),
    ),
    (exchange::DeclareOk::ID, Row::Nothing),
    (
        exchange::Delete::ID,
        needs(
            "exchange.delete exchange=x",
            "exchange.delete",
            "exchange.delete-ok",
            &[(Access::Configure, "exchange 'x'")],
        ),
    ),
    (exchange::DeleteOk::ID, Row::Nothing),
    (
        exchange::Bind::ID,
        needs(
            "exchange.bind destination=y source=x",
            "exchange.bind",
            "exchange.bind-ok",
            &[(Access::Write, "exchange 'y'"), (Access::Read, "exchange 'x'")],
        ),
    ),
    (exchange::BindOk::ID, Row::Nothing),
    (
        exchange::Unbind::ID,
        needs(
            "exchange.unbind destination=y source=x",
            "exchange.unbind",
            "exchange.unbind-ok",
            &[(Access::Write, "exchange 'y'"), (Access::Read, "exchange 'x'")],
        ),
    ),
    (exchange::UnbindOk::ID, Row::Nothing),
    (
        queue::Declare::ID,
        needs(
            "queue.declare queue=n",
            "queue.declare",
            "queue.declare-ok",
            &[(Access::Configure, "queue 'n'")],
        ),
    ),
    (queue::DeclareOk::ID, Row::Nothing),
    (
        queue::Bind::ID,
        needs(
            "queue.bind queue=q exchange=x",
            "queue.bind",
            "queue.bind-ok",
            &[(Access::Write, "queue 'q'"), (Access::Read, "exchange 'x'")],
        ),
    ),
    (queue::BindOk::ID, Row::Nothing),
    (
        queue::Purge::ID,
        needs(
            "queue.purge queue=q",
            "queue.purge",
            "queue.purge-ok",
            &[(Access::Read, "queue 'q'")],
        ),
    ),
    (queue::PurgeOk::ID, Row::Nothing),
    (
        queue::Delete::ID,
        needs(
            "queue.delete queue=q",
            "queue.delete",
            "queue.delete-ok",
            &[(Access::Configure, "queue 'q'")],
        ),
    ),
    (queue::DeleteOk::ID, Row::Nothing),
    (
        queue::Unbind::ID,
        needs(
            "queue.unbind queue=q exchange=x",
            "queue.unbind",
            "queue.unbind-ok",
            &[(Access::Write, "queue 'q'"), (Access::Read, "exchange 'x'")],
        ),
    ),
    (queue::UnbindOk::ID, Row::Nothing),
    (basic::Qos::ID, free("basic.qos prefetch_count=1", "basic.qos-ok")),
    (basic::QosOk::ID, Row::Nothing),
    (
        basic::Consume::ID,
        needs(
            "basic.consume queue=q",
            "basic.consume",
            "basic.consume-ok",
            &[(Access::Read, "queue 'q'")],
        ),
    ),
    (basic::ConsumeOk::ID, Row::Nothing),
    (basic::Cancel::ID, free("basic.cancel consumer_tag=none", "basic.cancel-ok")),
    (basic::CancelOk::ID, Row::Nothing),
    (
        basic::Publish::ID,
        needs(
            "basic.publish exchange=x \"hello\"",
            "basic.publish",
            "-",
            &[(Access::Write, "exchange 'x'")],
        ),
    ),
    (basic::Return::ID, Row::Nothing),
    (basic::Deliver::ID, Row::Nothing),
    (
        basic::Get::ID,
        needs("basic.get queue=q", "basic.get", "basic.get-empty", &[(Access::Read, "queue 'q'")]),
    ),
    (basic::GetOk::ID, Row::Nothing),
    (basic::GetEmpty::ID, Row::Nothing),
    (basic::Ack::ID, Row::Nothing),
    (basic::Reject::ID, Row::Nothing),
    (basic::RecoverAsync::ID, Row::Nothing),
    (basic::Recover::ID, free("basic.recover requeue", "basic.recover-ok")),
    (basic::RecoverOk::ID, Row::Nothing),
    (basic::Nack::ID, Row::Nothing),
    (tx::Select::ID, free("tx.select", "tx.select-ok")),
    (tx::SelectOk::ID, Row::Nothing),
    (tx::Commit::ID, Row::Nothing),
    (tx::CommitOk::ID, Row::Nothing),
    (tx::Rollback::ID, Row::Nothing),
    (tx::RollbackOk::ID, Row::Nothing),
    (confirm::Select::ID, free("confirm.select", "confirm.select-ok")),
    (confirm::SelectOk::ID, Row::Nothing),
];

#[test]
fn every_method_has_one_row() {
    for id in Method::IDS {
        let count = ROWS.iter().filter(|(row, _)| row == id).count();
        assert_eq!(count, 1, "class {} method {}", id >> 16, id & 0xFFFF);
    }
    assert_eq!(ROWS.len(), Method::IDS.len());
}

#[test]
fn every_method_asks_for_its_permissions_and_no_others() {
    for (_, row) in ROWS {
        for granted in 0..8_u8 {
            let has = |access: Access| granted & (1 << access as u8) != 0;
            let (send, expected) = match row {
                Row::Nothing => continue,
                Row::Free { send, answer } => (send, (*answer).to_owned()),
                Row::Needs { send, method, answer, needs } => {
                    let missing = needs.iter().find(|(access, _)| !has(*access));
                    let expected = missing.map_or_else(
                        || (*answer).to_owned(),
                        |(access, object)| {
                            format!(
                                "channel.close reply_code=403 reply_text=\"ACCESS_REFUSED - {access} access to {object} in vhost '/' refused for user 'ann'\" method={method}"
                            )
                        },
                    );
                    (send, expected)
                }
            };
            let pattern = |access| if has(access) { ".*" } else { "^$" };
            let [configure, write, read] = Access::ALL.map(pattern);
            let text = format!(
                "# A title.\n\
                 C9  queue.declare queue=q  S9  queue.declare-ok\n\
                 C9  exchange.declare exchange=x type=direct  S9  exchange.declare-ok\n\
                 C9  exchange.declare exchange=y type=direct  S9  exchange.declare-ok\n\
                 admin add-user name=ann password=secret\n\
                 admin set-permissions user=ann configure=\"{configure}\" write=\"{write}\" read=\"{read}\"\n\
                 C  connect user=ann password=secret\n\
                 C  {send}\n\
                 S  {expected}\n"
            );
            let transcripts = Transcript::parse_all(&text).expect("it can be read");
            if let Err(failure) = run(&transcripts[0], Layout::ALL[0]) {
                panic!("{send} with {configure}, {write}, {read}: {failure}");
            }
        }
    }
}
