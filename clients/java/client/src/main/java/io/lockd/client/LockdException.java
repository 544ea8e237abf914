package io.lockd.client;

import java.util.Optional;

/** Any failure of this package. */
public abstract class LockdException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final transient Problem problem;

  LockdException(String message, Problem problem, Throwable cause) {
    super(message, cause);
    this.problem = problem;
  }

  /** The node's answer, if there was one. */
  public Optional<Problem> problem() {
    return Optional.ofNullable(problem);
  }

  /** Reports whether the credentials were refused. A repeat with the same ones would be refused too. */
  static boolean isDenied(Exception e) {
    return e instanceof UnauthenticatedException || e instanceof NotAllowedException;
  }

  /** Returns the exception for a problem. */
  static LockdException of(Problem p) {
    String text = p.toString();
    if (p.type().equals("gone")) {
      return new GoneException(text, p, null);
    } else if (!p.definitive()) {
      return new OutcomeUnknownException(text, p, null);
    } else if (p.lost()) {
      return new LeaseLostException(text, p, null);
    } else if (p.status() == 503) {
      return new UnavailableException(text, p, null);
    }
    String type = !p.type().isEmpty() ? p.type() : p.status() == 401 ? "unauthenticated" : p.status() == 403 ? "not-allowed" : "";
    return switch (type) {
      case "held" -> new HeldException(text, p, null);
      case "delayed", "limit-mismatch", "session-in-use" -> new NotAcquiredException(text, p, null);
      case "unauthenticated" -> new UnauthenticatedException(text, p, null);
      case "not-allowed" -> new NotAllowedException(text, p, null);
      case "cross-origin" -> new CrossOriginException(text, p, null);
      case "quota" -> new QuotaExceededException(text, p, null);
      default -> new RefusedException(text, p, null);
    };
  }
}
