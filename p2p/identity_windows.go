package p2p

// checkPrivate accepts any file: Windows keeps access rights out of the mode.
func checkPrivate(string) error { return nil }
