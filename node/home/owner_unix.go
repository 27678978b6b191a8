//go:build !windows

package home

import (
	"io/fs"
	"os"
	"syscall"
)

// ownAlone reports whether a file belongs to this user, and nobody else may use it.
func ownAlone(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid() && info.Mode().Perm()&0o077 == 0
}
