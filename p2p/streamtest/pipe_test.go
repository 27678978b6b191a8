package streamtest

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

func TestAStreamMovesBytesBothWaysAndCloses(t *testing.T) {
	a, b := Pipe("dialer", "listener")
	if a.Conn().RemotePeer() != "listener" || b.Conn().RemotePeer() != "dialer" {
		t.Errorf("remote peers %q and %q", a.Conn().RemotePeer(), b.Conn().RemotePeer())
	}
	go func() {
		data, _ := io.ReadAll(b)
		_, _ = b.Write(append(data, "!"...))
		_ = b.Close()
	}()
	if _, err := a.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(a); err != nil || string(got) != "hello!" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestADeadlineThatPassedEndsReading(t *testing.T) {
	a, b := Pipe("dialer", "listener")
	defer b.Close()
	if err := a.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v, want a deadline error", err)
	}
	if err := a.Reset(); err != nil {
		t.Error(err)
	}
}
