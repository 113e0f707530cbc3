//! Class tx: transactions.

class! { 90
    /// Client → server: make the channel transactional.
    Select = 10 "tx.select" {}
    /// Server → client: it is.
    SelectOk = 11 "tx.select-ok" {}
    /// Client → server: let what was published and acknowledged take effect.
    Commit = 20 "tx.commit" {}
    /// Server → client: it has.
    CommitOk = 21 "tx.commit-ok" {}
    /// Client → server: forget it.
    Rollback = 30 "tx.rollback" {}
    /// Server → client: forgotten.
    RollbackOk = 31 "tx.rollback-ok" {}
}
