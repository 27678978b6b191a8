package checkpoint

import (
	"fmt"
	"io"
	"os"
)

// ReadFile decodes the safetensors file at path. A file longer than the limits
// allow is refused before it is read.
func ReadFile(path string, limits Limits) ([]Tensor, map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read checkpoint: %w", err)
	}
	defer f.Close()
	l := limits.orDefault()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("read checkpoint: %w", err)
	}
	most := int64(lengthBytes) + int64(l.HeaderBytes) + int64(l.DataBytes)
	if info.Size() > most {
		return nil, nil, fmt.Errorf("read %s: %w: %d bytes", path, ErrTooLarge, info.Size())
	}
	file, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	tensors, meta, err := Decode(file, limits)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	return tensors, meta, nil
}
