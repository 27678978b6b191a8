// Command gen makes PTX of the kernels with clang: go generate ./train/gpu/kernels. Another version than Debian's
// clang-15 gives another text.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/distillmesh/distillmesh/train/gpu/kernels"
)

func main() {
	dir := "ptx"
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	for _, unit := range kernels.Units() {
		if err := make(dir, unit); err != nil {
			fmt.Fprintln(os.Stderr, "kernels:", err)
			os.Exit(1)
		}
	}
}

func make(dir, unit string) error {
	c := exec.Command("clang-15", "-x", "cl", "-cl-std=CL1.2", "-target", "nvptx64-nvidia-cuda", "-Xclang", "-target-cpu",
		"-Xclang",
		"sm_50", "-Xclang", "-target-feature", "-Xclang", "+ptx63", "-Xclang", "-finclude-default-header", "-O3", "-S", "-o",
		"-", "-")
	c.Stdin, c.Stderr = strings.NewReader(kernels.OpenCL(unit)), os.Stderr
	text, err := c.Output()
	if err != nil {
		return fmt.Errorf("clang-15 on %s: %w", unit, err)
	}
	// Clang leaves out the size of a group, which frees registers.
	out := strings.ReplaceAll(string(text), "\n)\n{", "\n)\n.reqntid 256, 1, 1\n{")
	return os.WriteFile(filepath.Join(dir, unit+".ptx"), []byte(out), 0o644)
}
