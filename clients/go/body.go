package lockd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxAnswerBytes is the size limit of a response body and of one message of a watch.
const maxAnswerBytes = 8 << 20

var errTooLong = fmt.Errorf("the answer is longer than %d bytes", maxAnswerBytes)

// readAnswer reads a body up to maxAnswerBytes. A longer body is errTooLong.
func readAnswer(body io.Reader) ([]byte, error) {
	answer, err := io.ReadAll(io.LimitReader(body, maxAnswerBytes+1))
	if err == nil && len(answer) > maxAnswerBytes {
		return nil, errTooLong
	}
	return answer, err
}

// A timedBody is a request body that fails its first read after latest.
type timedBody struct {
	io.Reader
	latest time.Time
	begun  bool
}

func (b *timedBody) Read(p []byte) (int, error) {
	if !b.begun && time.Now().After(b.latest) {
		return 0, errTooLate
	}
	b.begun = true
	return b.Reader.Read(p)
}

func (b *timedBody) Close() error { return nil }

// setBody sets the body of a request. The body is not sent after latest.
func setBody(req *http.Request, body []byte, latest time.Time) {
	req.GetBody = func() (io.ReadCloser, error) {
		return &timedBody{Reader: bytes.NewReader(body), latest: latest}, nil
	}
	req.Body, _ = req.GetBody()
	req.ContentLength = int64(len(body))
}

func tooLate(err error) bool { return errors.Is(err, errTooLate) }
