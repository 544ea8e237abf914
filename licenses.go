package lockd

import _ "embed"

// License is the license of lockd.
//
//go:embed LICENSE
var License string

// ThirdPartyLicenses has the licenses of the software that is linked into the binary.
//
//go:embed THIRD_PARTY_LICENSES
var ThirdPartyLicenses string
