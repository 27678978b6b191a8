//go:build !windows

package p2p

import (
	"fmt"
	"os"
)

// checkPrivate refuses a key file that others may read.
func checkPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("mode %04o lets others read it: chmod 600", mode)
	}
	return nil
}
