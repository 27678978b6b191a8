package blocks

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// Limits of reading what peers send. The library makes room for a message as soon as its size is
// announced, and rounds up to a power of two, so that without these a few bytes cost megabytes. A
// large message waits, unread, until it has a place, is kept as far as it has come, and is given
// to the library when it is complete. So these bound the memory of all fetches together: 21
// messages of a little more than 2 MiB, and 3 that are handled, which take up to 6 MiB each, are
// 62 MiB; messages of 1 MiB take half.
const (
	smallMessage  = 16 << 10               // bytes that need no place
	maxMessage    = maxBlockBytes + 64<<10 // one block of the largest size, and what peers put beside it
	readAtOnce    = 21                     // large messages, from all peers
	handledAtOnce = 3                      // messages that are complete, until their blocks are stored
	messageTime   = 60 * time.Second       // to wait for a place, and to be read
	placeWait     = time.Second            // after which others have to make room
	leastRate     = 16 << 10               // bytes per second below which a message makes room
	lately        = 10 * time.Minute       // for which the use of places counts
	maxUsed       = 1024                   // peers whose use is counted
	pieceBytes    = 64 << 10               // in which a large message is kept
)

// intake decides which large messages are read.
type intake struct {
	ctx      context.Context // ends with the exchange
	reading  *lane
	handling chan struct{}
	pieces   sync.Pool
}

func newIntake(ctx context.Context) *intake {
	return &intake{ctx: ctx, reading: newLane(readAtOnce), handling: make(chan struct{}, handledAtOnce),
		pieces: sync.Pool{New: func() any { return new([pieceBytes]byte) }}}
}

// over is a host whose streams are read through an intake.
type over struct {
	host.Host
	in *intake
}

// SetStreamHandler implements host.Host.
func (h over) SetStreamHandler(id protocol.ID, handle network.StreamHandler) {
	h.Host.SetStreamHandler(id, func(s network.Stream) {
		in := &inbound{Stream: s, in: h.in}
		defer in.handled()
		handle(in)
	})
}

// inbound is a stream of messages, each with its size before it, that one goroutine reads. Its
// reader asks for the next message when it has handled the one before.
type inbound struct {
	network.Stream
	in       *intake
	prefix   []byte // of the size of the next message
	left     int    // bytes of this message that its reader has not read
	large    bool
	kept     []*[pieceBytes]byte // what is left of a large message, from next on
	next     int
	handling bool
}

// Read implements network.Stream. It never reads beyond a message.
func (s *inbound) Read(p []byte) (n int, err error) {
	switch {
	case s.left == 0:
		s.handled()
		return s.size(p)
	case s.large:
		n = s.take(p[:min(len(p), s.left)])
	default:
		n, err = s.Stream.Read(p[:min(len(p), s.left)])
	}
	s.left -= n
	return n, err
}

// size reads one byte of the size of a message. With the last byte of a large one's it reads the
// message too.
func (s *inbound) size(p []byte) (int, error) {
	n, err := s.Stream.Read(p[:min(len(p), 1)])
	if n == 0 {
		return 0, err
	}
	if s.prefix = append(s.prefix, p[0]); p[0] >= 0x80 && len(s.prefix) < binary.MaxVarintLen64 {
		return n, err
	}
	size, _ := binary.Uvarint(s.prefix)
	s.prefix = s.prefix[:0]
	if size > maxMessage {
		_ = s.Stream.Reset()
		return 0, fmt.Errorf("%w: a message of %d bytes", ErrTooLarge, size)
	}
	s.left, s.large = int(size), size > smallMessage
	if s.large {
		if err := s.keep(); err != nil {
			_ = s.Stream.Reset()
			return 0, err
		}
	}
	return n, nil
}

// keep reads a large message when it has a place, and waits until it may be handled, which takes
// memory again and which no peer can prolong.
func (s *inbound) keep() error {
	t, err := s.in.reading.enter(s.in.ctx, s.Stream)
	if err != nil {
		return err
	}
	defer s.in.reading.leave(t)
	for read := 0; read < s.left; {
		piece := s.in.pieces.Get().(*[pieceBytes]byte)
		s.kept = append(s.kept, piece)
		for at := 0; at < pieceBytes && read < s.left; {
			n, err := s.Stream.Read(piece[at:min(pieceBytes, at+s.left-read)])
			at, read = at+n, read+n
			t.read.Add(int64(n))
			if err == io.EOF && read < s.left {
				err = io.ErrUnexpectedEOF
			}
			if err != nil && read < s.left {
				return err
			}
		}
	}
	s.in.reading.complete(t)
	select {
	case s.in.handling <- struct{}{}:
		s.handling = true
		return nil
	case <-s.in.ctx.Done():
		return s.in.ctx.Err()
	}
}

// take copies what was kept, and gives back pieces that are empty.
func (s *inbound) take(p []byte) int {
	n := copy(p, s.kept[0][s.next:])
	if s.next += n; s.next == pieceBytes {
		s.in.pieces.Put(s.kept[0])
		s.kept, s.next = s.kept[1:], 0
	}
	return n
}

// handled gives back what a message took.
func (s *inbound) handled() {
	for _, piece := range s.kept {
		s.in.pieces.Put(piece)
	}
	s.kept, s.next = nil, 0
	if s.handling {
		<-s.in.handling
	}
	s.handling = false
}
