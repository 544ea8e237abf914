package io.lockd.client;

/** A watch cannot go on: its point of resumption is no longer in the history. */
public class GoneException extends LockdException {
  private static final long serialVersionUID = 1;

  GoneException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
