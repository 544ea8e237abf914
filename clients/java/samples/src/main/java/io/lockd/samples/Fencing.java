package io.lockd.samples;

import io.lockd.client.AcquireOptions;
import io.lockd.client.Lease;
import io.lockd.client.LockdClient;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/**
 * Writes to a database under a lease. The database rejects a write that comes too late. Start it, stop it with Ctrl-Z
 * before it writes, let another process write, and continue the first one with fg: its write changes nothing, and it
 * exits with 3.
 */
public final class Fencing {
  private static final int TOO_LATE = 3; // the exit code if a later holder has written

  private Fencing() {}

  public static void main(String[] args) throws Exception {
    String addresses = System.getenv().getOrDefault("LOCKD_ADDR", LockdClient.DEFAULT_ADDRESS);
    LockdClient client = LockdClient.at(addresses.split(","));
    boolean wrote;
    try (Connection db = open("accounts.db")) {
      System.out.println(client.holder() + " waits for the lease");
      wrote = writeUnderLease(client, db);
    }
    System.exit(wrote ? 0 : TOO_LATE);
  }

  private static boolean writeUnderLease(LockdClient client, Connection db) throws Exception {
    AcquireOptions options = AcquireOptions.ttl(Duration.ofSeconds(2)).withWait(Duration.ofMinutes(1));
    Lease lease = client.acquire("account-1", options);
    try {
      System.out.println(client.holder() + " holds with token " + lease.token() + ": press Enter to write");
      System.in.read();
      // lease.check() would not help: a program can be stopped right after it.
      return write(db, client.holder(), lease.token());
    } finally {
      lease.release();
    }
  }

  private static Connection open(String path) throws SQLException {
    Connection db = DriverManager.getConnection("jdbc:sqlite:" + path);
    try (Statement s = db.createStatement()) {
      s.execute("CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, value TEXT NOT NULL, token INTEGER NOT NULL)");
      s.execute("INSERT INTO accounts VALUES (1, 'nothing', 0) ON CONFLICT DO NOTHING");
    }
    return db;
  }

  /**
   * Stores the greatest token in the row and rejects a write with a lower one. It is one statement, so that no other
   * write can happen in between.
   */
  private static boolean write(Connection db, String value, long token) throws SQLException {
    try (PreparedStatement s = db.prepareStatement("UPDATE accounts SET value = ?, token = ? WHERE id = 1 AND token <= ?")) {
      s.setString(1, value);
      s.setLong(2, token);
      s.setLong(3, token);
      if (s.executeUpdate() > 0) {
        System.out.println(value + " wrote with token " + token);
        return true;
      }
    }
    try (Statement s = db.createStatement(); ResultSet last = s.executeQuery("SELECT value, token FROM accounts WHERE id = 1")) {
      last.next();
      System.out.println(value + " was refused with token " + token + ": " + last.getString(1) + " wrote with token " + last.getLong(2));
      return false;
    }
  }
}
