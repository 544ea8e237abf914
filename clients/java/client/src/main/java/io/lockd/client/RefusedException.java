package io.lockd.client;

/** A node answered, and nothing was applied. */
public class RefusedException extends LockdException {
  private static final long serialVersionUID = 1;

  RefusedException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
