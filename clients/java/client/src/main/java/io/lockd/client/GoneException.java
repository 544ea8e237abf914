package io.lockd.client;

/** A watch cannot resume: the revision to resume after is no longer in the history. */
public class GoneException extends LockdException {
  private static final long serialVersionUID = 1;

  GoneException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
