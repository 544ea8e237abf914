package io.lockd.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

/** Reading and writing of JSON. */
class JsonTest {
  @Test
  void jsonIsReadAndWritten() {
    String text = "{\"a\":[1,-2.5,true,false,null,\"x\\\"\\\\\\u000a\\u00e9\"],\"b\":{},\"c\":[],\"d\":9007199254740991}";
    Json j = Json.parse(" " + text + "\r\n\t");
    assertEquals(9007199254740991L, j.number("d"));
    assertEquals(Json.parse(j.toString()).toString(), j.toString());
    assertEquals("", j.text("nothing"));
    assertEquals(6, j.list("a").size());
    assertEquals("\"\\/\b\f\n\r\té", Json.parse("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00E9\"}").text("a"));
  }

  @Test
  void otherTextIsRefused() {
    for (String wrong : new String[] {
      "", "{", "[1", "{\"a\"}", "{\"a\":}", "\"open", "tru", "1 2", "[".repeat(100), "{\"a\":\"\\u12\"}", "-", "01", "1.", ".5", "+1", "1e", "1-2",
      "\"\\x\"", "\"\\u+123\"", "\"\\u12g4\"", "\"\n\"", "\"\u0000\"", "\f1", "\u00a01"}) {
      assertThrows(IllegalArgumentException.class, () -> Json.parse(wrong), wrong);
    }
  }
}
