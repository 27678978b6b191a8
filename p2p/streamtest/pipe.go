// Package streamtest has streams in memory for tests of stream protocols.
package streamtest

import (
	"errors"
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Stream is one end of a stream in memory. Writes wait for the other end to read, and
// deadlines work. Methods of network.Stream that it does not define panic.
type Stream struct {
	network.Stream
	read, write net.Conn
	remote      peer.ID
}

// Pipe returns the two ends of a stream that dialer opened to listener. Both must be
// closed.
func Pipe(dialer, listener peer.ID) (atDialer, atListener *Stream) {
	to, from := net.Pipe()
	back, forth := net.Pipe()
	return &Stream{read: back, write: to, remote: listener}, &Stream{read: from, write: forth, remote: dialer}
}

// Read implements network.Stream.
func (s *Stream) Read(p []byte) (int, error) { return s.read.Read(p) }

// Write implements network.Stream.
func (s *Stream) Write(p []byte) (int, error) { return s.write.Write(p) }

// CloseWrite implements network.Stream: the other end reads io.EOF.
func (s *Stream) CloseWrite() error { return s.write.Close() }

// Close implements network.Stream.
func (s *Stream) Close() error { return errors.Join(s.read.Close(), s.write.Close()) }

// Reset implements network.Stream.
func (s *Stream) Reset() error { return s.Close() }

// SetDeadline implements network.Stream.
func (s *Stream) SetDeadline(t time.Time) error {
	return errors.Join(s.read.SetDeadline(t), s.write.SetDeadline(t))
}

// Conn implements network.Stream; only RemotePeer works on what it returns.
func (s *Stream) Conn() network.Conn { return conn{remote: s.remote} }

type conn struct {
	network.Conn
	remote peer.ID
}

// RemotePeer implements network.Conn.
func (c conn) RemotePeer() peer.ID { return c.remote }
