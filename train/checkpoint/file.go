package checkpoint

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// WriteFile replaces the file at path with data so that a crash at any moment
// leaves either the old bytes or the new: a temporary file beside it, synced,
// renamed, the folder synced.
func WriteFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a rename durable. Windows cannot and need not sync a folder.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

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
