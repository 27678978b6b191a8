package data

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Digest writes everything that training on samples depends on to a hash: shape,
// classes, labels, values and soft labels.
func (s *Samples) Digest(h io.Writer) {
	fmt.Fprintf(h, "%v %d %v\n", s.Shape, s.Classes, s.Y) // a hash never fails
	buf := make([]byte, 0, 1<<12)
	for _, values := range [][]float32{s.X, s.Soft} {
		for _, v := range values {
			if buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v)); len(buf) == cap(buf) {
				h.Write(buf)
				buf = buf[:0]
			}
		}
		h.Write(append(buf, '\n'))
		buf = buf[:0]
	}
}
