package io.lockd.client;

/** A browser sent the request from a page of another origin (403). */
public class CrossOriginException extends RefusedException {
  private static final long serialVersionUID = 1;

  CrossOriginException(String message, Problem problem, Throwable cause) {
    super(message, problem, cause);
  }
}
